/** Give the user a file that was made here. */

export function download(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A file's name without its ending, safe as part of another. */
export function stem(name: string): string {
  return name.replace(/\.[^.]{1,5}$/, "").replaceAll(/[\\/:*?"<>|]/g, "_") || "track";
}
