import { describe, expect, it } from "vitest";
import { blocks, inline } from "../src/lib/markdown";

describe("a card", () => {
  it("becomes headings, text, lists, tables and code", () => {
    const card = "# M\n\nOne\ntwo.\n\n* a `b`\n  more\n- c\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\n# no\n```\nend";
    expect(blocks(card)).toEqual([
      { kind: "heading", level: 1, parts: inline("M") },
      { kind: "text", parts: inline("One two.") },
      { kind: "list", items: [inline("a `b` more"), inline("c")] },
      { kind: "table", head: [inline("x"), inline("y")], rows: [[inline("1"), inline("2")]] },
      { kind: "code", text: "# no" },
      { kind: "text", parts: inline("end") },
    ]);
  });

  it("has strong words, code and links of the web only", () => {
    expect(inline("**a** `b` [c](https://d.org/x) [e](javascript:f)")).toEqual([
      { kind: "strong", text: "a" },
      { kind: "text", text: " " },
      { kind: "code", text: "b" },
      { kind: "text", text: " " },
      { kind: "link", text: "c", href: "https://d.org/x" },
      { kind: "text", text: " [e](javascript:f)" },
    ]);
  });

  it("is read to its end whatever it holds", () => {
    for (const odd of ["#", "#no", "|", "* ", "```", "  x", "\n\n", "1. a\n2. b", "<b>x</b>"]) {
      expect(blocks(odd).length).toBeLessThan(4);
    }
  });
});
