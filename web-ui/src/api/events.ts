/** Server-sent events read with fetch, so that a token can go with the request. */

import { send } from "./http";

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

/** Events of a stream until it ends. */
export async function* events(path: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await send(path, {
    headers: { Accept: "text/event-stream" },
    signal: signal ?? null,
  });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (held + value.replaceAll("\r\n", "\n")).split("\n\n");
      held = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
