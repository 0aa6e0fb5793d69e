"""A client of fedloom in Python alone, for hosts without Node: `python -m fedloom.client --server ws://HOST:PORT ...`.

Written from PROTOCOL.md. It trains the plan that a server ships with ONNX Runtime, or a trainer of the user's own:

    arguments.py    the command line                          command.py      what it does
    frames.py       frames, pure               sections 1, 2  connection.py   whole messages over WebSocket   3
    line.py         dialling, handshake, coming back  4, 6    desk.py         what the server asks for     5, 7
    states.py       private state                     7       jobs.py         what is to be done, in order
    host.py         the client itself                 6       tensors.py      safetensors                     8
    stages.py       client halves of stages           8       plan.py         plans, training, evaluation     9
    philox.py       random streams, batch order       9       parts.py        part folders                    9
    plan_work.py    clients that train a plan                 trainer_work.py clients that train by a trainer
    results.py      what of a test can be counted      5      tls.py          whom to trust at wss://
    proof.py        who this client is                4       plan_check.py   what a plan may hold            9
    outbound.py     what leaves, written down

The thread that runs `Client.take_part` does the work; another speaks with the server meanwhile.
"""
