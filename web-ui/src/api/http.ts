/** Requests that wait for a server that is away or busy, and go on by themselves. */

import { API, back, busy, connection, fine, sleep } from "./connection";

/** A request that the server refused, with its one clear sentence. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** What came back, whichever way it was asked for. */
export interface Reply {
  status: number;
  header(name: string): string | null;
  json(): Promise<unknown>;
}

const TOKEN = "genrewise.token";
const BUSY_WAIT = 5;
const TRIES_BROKEN = 3;

let tokenGiven: () => void = () => undefined;

/** Keep a token for this session and let what waits for it go on. */
export function giveToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
  connection.wantsToken = false;
  tokenGiven();
}

export function headers(more: Record<string, string> = {}): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function problem(reply: Reply): Promise<Problem> {
  try {
    const found = (await reply.json()) as { detail?: string; title?: string };
    return new Problem(reply.status, found.detail || found.title || `${reply.status}`);
  } catch {
    return new Problem(reply.status, `${reply.status}`);
  }
}

function retryAfter(reply: Reply): number {
  const seconds = Number(reply.header("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) : BUSY_WAIT;
}

async function token(signal?: AbortSignal): Promise<void> {
  connection.wantsToken = true;
  const given = new Promise<void>((resolve) => {
    const before = tokenGiven;
    tokenGiven = () => {
      before();
      resolve();
    };
  });
  const gone = new Promise<never>((_, reject) =>
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
  await Promise.race([given, gone]);
}

/**
 * Ask until there is an answer: again when the server is back, when it is no longer busy,
 * when it has its token.  A refusal is thrown as a Problem.
 */
export async function persist<T extends Reply>(
  attempt: () => Promise<T>,
  signal?: AbortSignal,
  broken = "",
): Promise<T> {
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    let reply: T;
    try {
      reply = await attempt();
    } catch (error) {
      if (signal?.aborted) throw error;
      failures += connection.link === "offline" ? 0 : 1;
      // The server is there and yet breaks the request off: saying so beats trying for ever.
      if (broken && failures >= TRIES_BROKEN) throw new Problem(0, broken);
      await back(signal);
      await sleep(200, signal);
      continue;
    }
    if (reply.status === 503 || reply.status === 429) {
      await busy(retryAfter(reply), signal);
    } else if (reply.status === 502 || reply.status === 504) {
      await sleep(500, signal);
      await back(signal);
    } else if (reply.status === 401) {
      await token(signal);
    } else {
      fine();
      if (reply.status >= 400) throw await problem(reply);
      return reply;
    }
  }
}

interface FetchReply extends Reply {
  response: Response;
}

function wrap(response: Response): FetchReply {
  return {
    response,
    status: response.status,
    header: (name) => response.headers.get(name),
    json: () => response.json() as Promise<unknown>,
  };
}

/** Fetch below the API's address. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const attempt = async () =>
    wrap(
      await fetch(API + path, {
        ...init,
        headers: headers(init.headers as Record<string, string> | undefined),
      }),
    );
  return (await persist(attempt, init.signal ?? undefined)).response;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send(path, { signal: signal ?? null })).json() as Promise<T>;
}

/** Send JSON; what comes back as JSON, null where nothing does. */
export async function sendJson<T>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const init: RequestInit = { method, signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  const response = await send(path, init);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}
