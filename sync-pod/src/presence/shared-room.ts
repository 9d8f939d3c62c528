import type { PresenceEntry, WorkspaceId } from '@etherply/protocol';
import type { Bus } from './bus.ts';
import { MAX_REMOTE_MEMBERS } from './members.ts';
import type { Presence } from './presence.ts';
import {
  type ChangesMessage,
  decodeMessage,
  encodeMessage,
  type ListMessage,
  type OutgoingMessage,
  type PresenceMessage,
  runsOf,
} from './presence-message.ts';

/** How pods of a cluster keep time with each other; the same on all of them. */
export interface PresenceTimes {
  /** A pod says so often that it is there, in milliseconds. */
  readonly beatMs: number;
  /** It answers within so many milliseconds, at random, so that those who ask at about the same time get one answer. */
  readonly answerMs: number;
}

interface Options {
  readonly workspace: WorkspaceId;
  /** The id of this pod. */
  readonly pod: string;
  readonly presence: Presence;
  readonly bus: Bus;
  readonly times: PresenceTimes;
  /** A number greater than all before it, in whatever room: so a room that opens again goes on where nobody can take it for the old one. */
  readonly nextSequence: () => number;
}

/** What is known of another pod. */
interface Peer {
  /** The number of its latest changes that were taken. */
  sequence: number;
  /** Something of it was missed: it was asked for its list, and what it sends before that says too little. */
  isBehind: boolean;
  /** There was no space for all of its members. */
  isCut: boolean;
  /** How many beats of this pod went by without a word of it. */
  silentBeats: number;
  /** The parts of a list that have come so far. */
  list: PresenceEntry[];
  nextPart: number;
}

/** A pod that has been silent for more beats than this is gone. */
const SILENT_BEATS = 3;
/** Lists are split into messages of about this size: to read one holds the event loop for a few milliseconds. */
const MESSAGE_BYTES = 256 << 10;
/** Of a message, so much is left for what is not a list. */
const HEAD_BYTES = 1024;

/** One workspace as several pods see it: says who is on this pod, and takes in who is on the others. */
export class SharedRoom {
  readonly #options: Options;
  readonly #peers = new Map<string, Peer>();
  readonly #unsubscribe: () => void;
  readonly #beats: NodeJS.Timeout;
  #answer: NodeJS.Timeout | undefined;
  /** The number of the latest changes that it has published; 0: none. */
  #sequence = 0;
  /** Others have been told of members of this pod. */
  #isShown = false;

  constructor(options: Options) {
    this.#options = options;
    const { bus, workspace, times } = options;
    this.#unsubscribe = bus.subscribe(workspace, (bytes) => this.#received(decodeMessage(bytes)));
    this.#beats = setInterval(() => this.#beat(), times.beatMs);
    this.#beats.unref();
    this.#hello();
  }

  /** Publishes what has changed of the members of this pod. */
  changed(here: readonly string[], gone: readonly string[]): void {
    for (const run of runsOf(here, this.#maxBytes)) if (run.length > 0) this.#publishChanges(run, []);
    for (const run of runsOf(gone, this.#maxBytes)) if (run.length > 0) this.#publishChanges([], run);
  }

  /** Other pods can be reached again: asks what was missed, and lets them see what they have missed. */
  reconnected(): void {
    this.#hello();
    this.#sayAlive();
  }

  /** Tells the others that nobody of this pod is there any more, and hears no more of them. */
  close(): void {
    this.#unsubscribe();
    clearInterval(this.#beats);
    clearTimeout(this.#answer);
    if (this.#isShown) this.#publish({ type: 'gone', pod: this.#options.pod });
  }

  get #maxBytes(): number {
    return Math.min(MESSAGE_BYTES, this.#options.bus.maxBytes) - HEAD_BYTES;
  }

  #publish(message: OutgoingMessage): void {
    this.#options.bus.publish(this.#options.workspace, encodeMessage(message));
  }

  #publishChanges(here: readonly string[], gone: readonly string[]): void {
    const { pod, nextSequence } = this.#options;
    const previous = this.#sequence;
    this.#sequence = nextSequence();
    this.#isShown = true;
    this.#publish({ type: 'changes', pod, sequence: this.#sequence, previous, here, gone });
  }

  #hello(): void {
    this.#publish({ type: 'hello', pod: this.#options.pod });
  }

  #ask(pod: string, peer: Peer): void {
    peer.isBehind = true;
    this.#publish({ type: 'hello', pod: this.#options.pod, to: pod });
  }

  #sayAlive(): void {
    const { presence, workspace, pod } = this.#options;
    if (presence.hasLocal(workspace)) this.#publish({ type: 'beat', pod, sequence: this.#sequence });
  }

  #beat(): void {
    for (const [pod, peer] of this.#peers) {
      peer.silentBeats += 1;
      if (peer.silentBeats > SILENT_BEATS) this.#forget(pod);
    }
    this.#sayAlive();
  }

  #answerSoon(): void {
    this.#answer ??= setTimeout(() => {
      this.#answer = undefined;
      this.#publishList();
    }, Math.random() * this.#options.times.answerMs).unref();
  }

  #publishList(): void {
    const { presence, workspace, pod } = this.#options;
    if (!presence.hasLocal(workspace)) return;
    this.#isShown = true;
    for (const [part, here, isLast] of partsOf(runsOf(presence.localTexts(workspace), this.#maxBytes))) {
      this.#publish({ type: 'list', pod, sequence: this.#sequence, part, isLast, here });
    }
  }

  #received(message: PresenceMessage | undefined): void {
    if (message === undefined || message.pod === this.#options.pod) return;
    switch (message.type) {
      case 'hello':
        if (message.to === undefined || message.to === this.#options.pod) this.#answerSoon();
        return;
      case 'changes':
        this.#change(this.#heard(message.pod), message);
        return;
      case 'list':
        this.#replace(this.#heard(message.pod), message);
        return;
      case 'beat': {
        const peer = this.#heard(message.pod);
        if (peer.sequence !== message.sequence || peer.isBehind || peer.isCut) this.#ask(message.pod, peer);
        return;
      }
      case 'gone':
        this.#forget(message.pod);
    }
  }

  #heard(pod: string): Peer {
    let peer = this.#peers.get(pod);
    if (peer === undefined) {
      peer = { sequence: 0, isBehind: false, isCut: false, silentBeats: 0, list: [], nextPart: 0 };
      this.#peers.set(pod, peer);
    }
    peer.silentBeats = 0;
    return peer;
  }

  #change(peer: Peer, { pod, sequence, previous, here, gone }: ChangesMessage): void {
    if (peer.isBehind) return;
    if (peer.sequence !== previous) {
      this.#ask(pod, peer);
      return;
    }
    peer.sequence = sequence;
    if (!this.#options.presence.changeRemote(this.#options.workspace, pod, here, gone)) peer.isCut = true;
  }

  /** A list that lacks a part is dropped; where something was missed, the next beat shows it again. */
  #replace(peer: Peer, { pod, sequence, part, isLast, here }: ListMessage): void {
    if (part === 0) {
      peer.list = [];
      peer.nextPart = 0;
    }
    if (part !== peer.nextPart) return;
    peer.nextPart += 1;
    if (peer.list.length <= MAX_REMOTE_MEMBERS) peer.list = [...peer.list, ...here];
    if (!isLast) return;
    peer.isCut = !this.#options.presence.replaceRemote(this.#options.workspace, pod, peer.list);
    peer.sequence = sequence;
    peer.isBehind = false;
    peer.list = [];
    peer.nextPart = 0;
  }

  #forget(pod: string): void {
    if (this.#peers.delete(pod)) this.#options.presence.replaceRemote(this.#options.workspace, pod, []);
  }
}

function partsOf(runs: readonly string[][]): [part: number, here: readonly string[], isLast: boolean][] {
  return runs.map((here, part) => [part, here, part === runs.length - 1]);
}
