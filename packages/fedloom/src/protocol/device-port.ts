/** Carries texts between a run and devices that do not speak the protocol; a device's number counts from 1. */
export interface DevicePort {
  /** Must be called once, synchronously on receipt of the port. */
  bind(handlers: DeviceHandlers): void;
  send(device: number, text: string): void;
}

export interface DeviceHandlers {
  /** The device listens from now on, or may listen: not every way to devices tells. Perhaps not for the first time. */
  came(device: number): void;
  left(device: number): void;
  message(device: number, text: string): void;
}
