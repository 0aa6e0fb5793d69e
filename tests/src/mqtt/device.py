"""A device that speaks JSON over MQTT and nothing else: it "trains" by adding a number to each parameter."""
import json
import sys
import time

import paho.mqtt.client as mqtt

host, port, number, step, samples, echo = sys.argv[1:7]
tls = sys.argv[7:10]
number, step, samples = int(number), float(step), int(samples)


def moved(value):
    return [moved(one) for one in value] if isinstance(value, list) else value + step


def on_connect(client, *_):
    client.subscribe(f"fedml0_{number}", qos=1)


def on_message(client, _, message):
    order = json.loads(message.payload)
    kind = order["msg_type"]
    print(json.dumps({"msg_type": kind, "round": order.get("round_idx"), "model": order["model_params"]}), flush=True)
    answer = {"sender": number, "receiver": 0, "num_samples": samples}
    if kind in (1, 2):
        params = {name: moved(value) for name, value in order["model_params"].items()}
        answer.update(msg_type=4, model_params=params)
    else:
        answer.update(msg_type=6, test_result=json.dumps({"loss": 0.5 * number, "accuracy": "0.25"}))
    if echo == "echo" or kind == 3:
        answer["round_idx"] = order["round_idx"]
    client.publish(f"fedml{number}", json.dumps(answer), qos=1)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
if tls:
    client.tls_set(*tls)
client.on_connect = on_connect
client.on_message = on_message
while True:
    try:
        client.connect(host, int(port))
        break
    except OSError:
        time.sleep(0.1)
client.loop_forever()
