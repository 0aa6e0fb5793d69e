import { brokerListen, mqttDial, mqttListen } from '@fedloom/transport-mqtt';
import { transportSuite } from 'fedloom/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Mosquitto, mosquittoTitle, skipsMosquitto } from './mosquitto.js';

describe('a broker of the server', () => {
  const cases = transportSuite(() => ({ listen: mqttListen(), dial: mqttDial(), nowhere: 'mqtt://127.0.0.1:1' }));
  it.each(cases)('$name', ({ run }) => run());
});

describe.skipIf(skipsMosquitto)(mosquittoTitle, () => {
  let broker: Mosquitto;
  let runs = 0;
  beforeAll(async () => {
    broker = await Mosquitto.start();
  });
  afterAll(() => broker.dispose());

  describe.each([5, 4] as const)('MQTT version %i', (version) => {
    const cases = transportSuite(() => ({
      listen: brokerListen(`${broker.url}/lab/run-${runs++}`, { version }),
      dial: mqttDial({ version }),
      nowhere: `${broker.url}/lab/nobody`,
    }));
    it.each(cases)('$name', ({ run }) => run());
  });
});
