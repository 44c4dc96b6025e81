/** Runs beside the sound card: gathers samples of the microphone and hands them over. */

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: unknown): void;

/** About ten times a second at the usual rates. */
const BATCH = 4096;

class Recorder extends AudioWorkletProcessor {
  private held = new Float32Array(BATCH);
  private count = 0;

  process([input = []]: Float32Array[][]): boolean {
    const samples = input[0]?.length ?? 0;
    for (let i = 0; i < samples; i++) {
      let sum = 0;
      for (const channel of input) sum += channel[i] ?? 0;
      this.held[this.count++] = sum / input.length;
      if (this.count === BATCH) this.handOver();
    }
    return true;
  }

  private handOver(): void {
    this.port.postMessage(this.held, [this.held.buffer]);
    this.held = new Float32Array(BATCH);
    this.count = 0;
  }
}

registerProcessor("recorder", Recorder);
