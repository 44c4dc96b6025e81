/** The microphone: what it hears now, the last seconds as a file, and all of it. */

import { reactive } from "vue";
import recorderUrl from "./recorder.worklet.ts?worker&url";
import { toInt16, wav } from "./wav";

/** Minutes that are kept; what is older goes. */
const KEEP_MINUTES = 10;
const LEVELS = 120;

export interface Microphone {
  /** Seconds heard since it was opened. */
  seconds: number;
  /** Loudest values of the last moments, 0 to 1. */
  levels: number[];
  /** The last seconds as WAV; all that is kept where no number is given. */
  take(seconds?: number): Blob;
  close(): void;
}

/** Enough for what the models hear, and half of what a sound card would send. */
const RATE = 24_000;

/** Settings under which a browser does not "improve" music into a telephone call. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export async function openMicrophone(): Promise<Microphone> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  const { context, source } = listenTo(stream);
  const parts: Int16Array<ArrayBuffer>[] = [];
  let kept = 0;

  const microphone: Microphone = reactive({
    seconds: 0,
    levels: Array<number>(LEVELS).fill(0),
    take: (seconds = Infinity) => wav(last(parts, seconds * context.sampleRate), context.sampleRate),
    close() {
      stream.getTracks().forEach((track) => track.stop());
      if (context.state !== "closed") void context.close();
    },
  });

  function heard({ data }: MessageEvent<Float32Array>): void {
    parts.push(toInt16(data));
    kept += data.length;
    while (kept > KEEP_MINUTES * 60 * context.sampleRate) kept -= parts.shift()?.length ?? kept;
    microphone.seconds += data.length / context.sampleRate;
    const loudest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    microphone.levels = [...microphone.levels.slice(1), loudest];
  }

  try {
    await context.audioWorklet.addModule(recorderUrl);
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = heard;
    source.connect(recorder);
    await context.resume();
  } catch (error) {
    microphone.close();
    throw error;
  }
  return microphone;
}

/** The stream as a source, at our rate where the browser converts it, else at the card's own. */
function listenTo(stream: MediaStream): { context: AudioContext; source: AudioNode } {
  const ours = new AudioContext({ sampleRate: RATE });
  try {
    return { context: ours, source: ours.createMediaStreamSource(stream) };
  } catch {
    void ours.close();
    const own = new AudioContext();
    return { context: own, source: own.createMediaStreamSource(stream) };
  }
}

/** The last `count` samples; the first part is cut where it holds more. */
export function last(parts: Int16Array<ArrayBuffer>[], count: number): Int16Array<ArrayBuffer>[] {
  const out: Int16Array<ArrayBuffer>[] = [];
  let left = count;
  for (let i = parts.length - 1; i >= 0 && left > 0; i--) {
    const part = parts[i];
    if (!part) break;
    out.unshift(part.length > left ? part.slice(part.length - Math.floor(left)) : part);
    left -= part.length;
  }
  return out;
}
