"""Handlers by message type, as FineFL's managers register them."""

from .errors import CompatError


class Handlers:
    """What both managers have of it. `comes`: types of messages that come to this manager."""

    comes = ()

    def __init__(self):
        self.message_handler_dict = {}

    def register_message_receive_handler(self, msg_type, handler_callback_func):
        if msg_type not in self.comes:
            kinds = ", ".join(map(str, self.comes))
            raise CompatError(f"{type(self).__name__} registers a handler for messages of type {msg_type}; only {kinds} come to it.")
        self.message_handler_dict[msg_type] = handler_callback_func

    def _register(self):
        self.register_message_receive_handlers()
        missing = [str(kind) for kind in self.comes if kind not in self.message_handler_dict]
        if missing:
            raise CompatError(
                f"{type(self).__name__}.register_message_receive_handlers registers none for messages of type {missing[0]}."
            )

    def _handle(self, message):
        self.message_handler_dict[message.get_type()](message)
