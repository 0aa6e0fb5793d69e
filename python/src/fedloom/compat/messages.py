"""What handlers are given: FineFL's messages, by their numbers and names."""


class MyMessage:
    MSG_TYPE_S2C_INIT_CONFIG = 1
    MSG_TYPE_S2C_SYNC_MODEL_TO_CLIENT = 2
    MSG_TYPE_S2C_TEST_MODEL_ON_CLIENT = 3
    MSG_TYPE_C2S_SEND_MODEL_TO_SERVER = 4
    MSG_TYPE_C2S_SEND_STATS_TO_SERVER = 5
    MSG_TYPE_C2S_SEND_TEST_RESULT_TO_SERVER = 6

    MSG_ARG_KEY_TYPE = "msg_type"
    MSG_ARG_KEY_SENDER = "sender"
    MSG_ARG_KEY_RECEIVER = "receiver"
    MSG_ARG_KEY_MODEL_PARAMS = "model_params"
    MSG_ARG_KEY_NUM_SAMPLES = "num_samples"
    MSG_ARG_KEY_TEST_RESULT = "test_result"
    MSG_ARG_KEY_ROUND_IDX = "round_idx"


class Message(dict):
    """A message's fields by name: `msg_params.get("model_params")`."""

    def __init__(self, msg_type, sender, receiver, **fields):
        super().__init__(msg_type=msg_type, sender=sender, receiver=receiver, **fields)

    def get_type(self):
        return self["msg_type"]

    def get_sender_id(self):
        return self["sender"]

    def get_receiver_id(self):
        return self["receiver"]

    def get_params(self):
        return self
