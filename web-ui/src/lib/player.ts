/** One sound that plays, from a blob; whole or only some seconds of it. */

import { onBeforeUnmount, reactive } from "vue";

export interface Player {
  readonly audio: HTMLAudioElement;
  time: number;
  duration: number;
  playing: boolean;
  /** Whether there is a sound that this browser plays. */
  usable: boolean;
  /** Whether there is a sound that this browser does not play. */
  foreign: boolean;
  open(blob: Blob | null): void;
  toggle(): void;
  pause(): void;
  seek(time: number): void;
  playSpan(span: { start: number; stop: number }): void;
}

export function usePlayer(): Player {
  const audio = new Audio();
  audio.preload = "metadata";
  let stopAt = Infinity;
  let frame = 0;
  let address = "";

  const player: Player = reactive({
    audio,
    time: 0,
    duration: 0,
    playing: false,
    usable: false,
    foreign: false,
    open,
    toggle: () => (audio.paused ? start(Infinity) : audio.pause()),
    pause: () => audio.pause(),
    seek,
    playSpan,
  });

  function open(blob: Blob | null): void {
    audio.pause();
    if (address) URL.revokeObjectURL(address);
    address = blob ? URL.createObjectURL(blob) : "";
    Object.assign(player, { time: 0, playing: false, usable: false, foreign: false });
    if (address) audio.src = address;
    else audio.removeAttribute("src");
  }

  function start(until: number): void {
    stopAt = until;
    audio.play().catch(() => undefined);
  }

  function seek(time: number): void {
    const most = player.duration || audio.duration || 0;
    audio.currentTime = Math.min(Math.max(0, time), most);
    player.time = audio.currentTime;
    if (player.time >= stopAt) stopAt = Infinity;
  }

  function playSpan(span: { start: number; stop: number }): void {
    seek(span.start);
    start(span.stop);
  }

  function tick(): void {
    player.time = audio.currentTime;
    if (audio.currentTime >= stopAt) {
      audio.pause();
      stopAt = Infinity;
    }
    if (player.playing) frame = requestAnimationFrame(tick);
  }

  const listeners: Record<string, () => void> = {
    loadedmetadata() {
      player.duration = Number.isFinite(audio.duration) ? audio.duration : 0;
      player.usable = true;
    },
    durationchange() {
      if (Number.isFinite(audio.duration)) player.duration = audio.duration;
    },
    play() {
      player.playing = true;
      tick();
    },
    pause() {
      player.playing = false;
      player.time = audio.currentTime;
    },
    // Frames stand still in a window that is not looked at; this goes on.
    timeupdate() {
      if (audio.currentTime >= stopAt) tick();
    },
    seeked: () => (player.time = audio.currentTime),
    error() {
      player.usable = false;
      player.foreign = Boolean(address);
    },
  };
  for (const [name, todo] of Object.entries(listeners)) audio.addEventListener(name, todo);

  onBeforeUnmount(() => {
    cancelAnimationFrame(frame);
    for (const [name, todo] of Object.entries(listeners)) audio.removeEventListener(name, todo);
    open(null);
  });
  return player;
}
