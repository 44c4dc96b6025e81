import { describe, expect, it } from "vitest";
import { parseEvent } from "../src/lib/sse";
import { toInt16, wav } from "../src/lib/wav";

describe("a recording", () => {
  it("is a WAV file whose numbers are those of the samples", async () => {
    const samples = toInt16(new Float32Array([0, 1, -1, 0.5, 2]));
    expect([...samples]).toEqual([0, 32767, -32767, 16384, 32767]);
    const file = wav([samples.slice(0, 2), samples.slice(2)], 48000);
    const bytes = new DataView(await file.arrayBuffer());
    const text = (at: number) => String.fromCharCode(...new Uint8Array(bytes.buffer, at, 4));
    expect([text(0), text(8), text(12), text(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
    expect(bytes.getUint32(4, true)).toBe(bytes.byteLength - 8);
    expect(bytes.getUint32(24, true)).toBe(48000);
    expect(bytes.getUint32(28, true)).toBe(96000);
    expect(bytes.getUint32(40, true)).toBe(10);
    expect(bytes.getInt16(46, true)).toBe(32767);
  });
});

describe("an event", () => {
  it("has a name and JSON, over several lines where it must", () => {
    expect(parseEvent('event: status\ndata: {"a":\ndata: 1}')).toEqual({
      name: "status",
      data: { a: 1 },
    });
    expect(parseEvent(": still there")).toBeNull();
  });
});
