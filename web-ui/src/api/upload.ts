/** Uploads that say how far they are, which fetch cannot. */

import { API } from "./connection";
import { headers, persist, type Reply } from "./http";
import { texts } from "../texts";

function attempt(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    signal.addEventListener("abort", stop, { once: true });
    request.open("POST", API + path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () =>
      resolve({
        status: request.status,
        header: (name) => request.getResponseHeader(name),
        json: async () => JSON.parse(request.responseText) as unknown,
      });
    request.onerror = () => reject(new TypeError("the upload broke off"));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.send(form);
  });
}

/** Send a form; the JSON that comes back. */
export async function upload<T>(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<T> {
  const once = () => {
    onProgress(0);
    return attempt(path, form, onProgress, signal);
  };
  const reply = await persist(once, signal, texts.errors.brokenUpload);
  return (await reply.json()) as T;
}
