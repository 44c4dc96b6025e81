/** Server-sent events read with fetch, so that a token can go with the request. */

import { parseEvent, type ServerEvent } from "../lib/sse";
import { send } from "./http";

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
