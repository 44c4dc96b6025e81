import { describe, expect, it } from "vitest";
import type { Answer, Span } from "../src/api/types";
import { csv, lanes, merged, ranking, spanAt } from "../src/lib/answers";

const span = (start: number, stop: number, genre: string | null, confidence = 0.5): Span => ({
  ...{ start, stop, genre, confidence },
});
const answer = (more: Partial<Answer> = {}): Answer => ({
  ...{ path: "a.mp3", status: "ok", genre: "jazz", confidence: 0.7, seconds: 30, elapsed: 1.5 },
  ...{ model: "m", probabilities: { blues: 0.3, jazz: 0.7 } },
  ...more,
});

describe("a timeline", () => {
  it("merges neighbours of one genre and weighs their confidence by seconds", () => {
    const spans = [span(0, 5, "jazz", 0.9), span(5, 15, "jazz", 0.6), span(15, 20, "pop", 0.4)];
    const [first, second] = merged(spans);
    expect(first).toEqual(span(0, 15, "jazz", 0.7));
    expect(second).toEqual(span(15, 20, "pop", 0.4));
    expect(spans[0]).toEqual(span(0, 5, "jazz", 0.9));
  });

  it("keeps spans apart where there is a gap between them", () => {
    expect(merged([span(0, 5, "jazz"), span(10, 15, "jazz")])).toHaveLength(2);
  });

  it("has the genre that was heard longest on top, and what is unknown too", () => {
    const found = lanes([span(0, 5, "pop"), span(5, 25, null), span(25, 32, "pop")], 5);
    expect(found.map((lane) => [lane.genre, lane.seconds, lane.spans.length])).toEqual([
      [null, 20, 1],
      ["pop", 12, 2],
    ]);
    expect(lanes([span(0, 5, "a"), span(5, 6, "b"), span(6, 8, "c")], 2)).toHaveLength(2);
  });

  it("says what is heard at a moment; a border belongs to what begins there", () => {
    const spans = [span(0, 5, "jazz"), span(5, 9, "pop")];
    expect(spanAt(spans, 5)?.genre).toBe("pop");
    expect(spanAt(spans, 9)).toBeUndefined();
  });
});

describe("tables", () => {
  it("ranks by probability", () => {
    expect(ranking(answer())).toEqual([
      ["jazz", 0.7],
      ["blues", 0.3],
    ]);
  });

  it("are those of the command line", () => {
    expect(csv([answer({ reason: "", lost: 0 })])).toBe(
      "path,status,genre,confidence,seconds,elapsed,model,reason,lost,error,label_1,p_1,label_2,p_2\n" +
        "a.mp3,ok,jazz,0.7,30,1.5,m,,0,,jazz,0.7,blues,0.3\n",
    );
  });

  it("quote names that hold commas, quotes and line ends", () => {
    expect(csv([answer({ path: 'a, "b"\n.mp3' })])).toContain('\n"a, ""b""\n.mp3",ok,');
    expect(csv([answer({ genre: null })])).toContain("\na.mp3,ok,,0.7,");
  });
});
