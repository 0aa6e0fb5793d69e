/** MQTT for fedloom: a transport through any broker, or through one that the server hosts itself. For Node. */
export type { BrokerOptions } from './broker/options.js';
export type { DeviceOptions } from './devices.js';
export { type MqttDialOptions, mqttDial } from './dial.js';
export type { BrokerTrouble, MqttErrors } from './error-codes.js';
export { type BrokerListenOptions, brokerListen, type MqttListenOptions, mqttListen } from './listen.js';
