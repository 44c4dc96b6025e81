/** The text of server-sent events. */

export interface ServerEvent {
  name: string;
  data: unknown;
}

/** One block of a stream as an event; null for comments and for what holds no data. */
export function parseEvent(block: string): ServerEvent | null {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { name, data: JSON.parse(data.join("\n")) as unknown } : null;
}
