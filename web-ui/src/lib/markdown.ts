/** The Markdown of model cards as blocks: no HTML passes through it. */

export type Inline = { kind: "text" | "code" | "strong"; text: string } | LinkPart;
export interface LinkPart {
  kind: "link";
  text: string;
  href: string;
}

export type Block =
  | { kind: "heading"; level: number; parts: Inline[] }
  | { kind: "text"; parts: Inline[] }
  | { kind: "list"; items: Inline[][] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

const PARTS = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:[^)\s]+)\)/g;

/** A line's code, strong words and links; addresses other than of the web stay text. */
export function inline(text: string): Inline[] {
  const parts: Inline[] = [];
  let at = 0;
  for (const found of text.matchAll(PARTS)) {
    const [whole, code, strong, label, href] = found;
    if (found.index > at) parts.push({ kind: "text", text: text.slice(at, found.index) });
    if (code) parts.push({ kind: "code", text: code });
    else if (strong) parts.push({ kind: "strong", text: strong });
    else if (label && href) parts.push({ kind: "link", text: label, href });
    at = found.index + whole.length;
  }
  if (at < text.length) parts.push({ kind: "text", text: text.slice(at) });
  return parts;
}

function cells(line: string): Inline[][] {
  return line.replace(/^\s*\||\|\s*$/g, "").split("|").map((cell) => inline(cell.trim()));
}

const isTable = (line: string | undefined) => line !== undefined && line.trimStart().startsWith("|");
const isItem = (line: string) => /^\s*[*-] /.test(line);
const isText = (line: string) =>
  line.trim() !== "" && !isTable(line) && !isItem(line) && !/^(#+ |```)/.test(line);

/** The text as blocks, top to bottom. */
export function blocks(text: string): Block[] {
  const lines = text.split("\n");
  const out: Block[] = [];
  const run = (more: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    while (lines.length && more(lines[0] ?? "")) taken.push(lines.shift() ?? "");
    return taken;
  };
  while (lines.length) {
    const line = lines[0] ?? "";
    const heading = /^(#+) (.*)$/.exec(line);
    if (heading) {
      lines.shift();
      out.push({ kind: "heading", level: heading[1]?.length ?? 1, parts: inline(heading[2] ?? "") });
    } else if (line.startsWith("```")) {
      lines.shift();
      out.push({ kind: "code", text: run((next) => !next.startsWith("```")).join("\n") });
      lines.shift();
    } else if (isTable(line)) {
      const [head = "", , ...rows] = run(isTable);
      out.push({ kind: "table", head: cells(head), rows: rows.map(cells) });
    } else if (isItem(line)) {
      out.push({ kind: "list", items: listItems(run) });
    } else if (line.trim() === "") {
      lines.shift();
    } else {
      out.push({ kind: "text", parts: inline(run(isText).join(" ")) });
    }
  }
  return out;
}

/** Items of a list, each with the indented lines that belong to it. */
function listItems(run: (more: (line: string) => boolean) => string[]): Inline[][] {
  const items: string[] = [];
  for (const line of run((next) => isItem(next) || /^\s+\S/.test(next))) {
    if (isItem(line)) items.push(line.replace(/^\s*[*-] /, ""));
    else items.push(`${items.pop() ?? ""} ${line.trim()}`);
  }
  return items.map(inline);
}
