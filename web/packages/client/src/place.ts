import type { ChannelStatus } from "./connection.ts";
import type { ChannelListener } from "./transport.ts";

/** What a message of the server says, as far as it is about places. */
interface Message {
  readonly event?: string;
  readonly payload?: {
    readonly status?: string;
    readonly extension?: string;
    readonly message?: string;
    readonly data?: { readonly position?: string };
    readonly response?: {
      /** Of the reply to a join. */
      readonly postgres_changes?: unknown;
      readonly switchboard?: PlaceOf;
    };
  };
}

/** What the reply to a join says beyond the original. */
interface PlaceOf {
  readonly since?: string;
  readonly resumed?: boolean;
  /** A query is kept for the channel. */
  readonly live?: boolean;
}

/** Errors after which a query is not kept, and asked for instead. */
const NOT_KEPT = /LiveQueryRefused|MemoryLimit|MalformedBinding|JoinTooLarge/;

/** Errors after which what was missed can be told all the same. */
const OF_A_MOMENT = /^(Token has expired|AuthorizationTimedOut)/;

/**
 * Where one channel is in the stream (SPEC H): what it was told is remembered, so that it goes on there when it is joined again. A
 * server that knows nothing of that leaves it empty. Single-threaded.
 */
export class Place {
  /** What the binding says; as it is at each join. */
  readonly wish: { positions: true; since?: string } = { positions: true };
  readonly #listener: ChannelListener;
  /** A query is to be kept. */
  readonly #keeps: boolean;
  #fence = "";
  /** The channel is joined, and the reply that says more has not been read. */
  #isJoined = false;
  /** A reply said that it begins anew, and its listener does not know yet. */
  #isAnew = false;
  #caughtUp = false;
  #quiet = false;

  /** @param since where it was before; `keeps`: a query is to be kept for it */
  constructor(listener: ChannelListener, since?: string, keeps = false) {
    this.#listener = listener;
    this.#keeps = keeps;
    if (since !== undefined) {
      this.wish.since = since;
    }
  }

  /** What the channel says of itself. That it is joined is told once the reply was read, right after, which says more. */
  status(status: ChannelStatus, error: Error | undefined): void {
    this.#isJoined = status === "SUBSCRIBED";
    if (this.#isJoined) {
      queueMicrotask(() => this.#joined(false)); // where the reply was read before
    } else if (this.#keeps && NOT_KEPT.test(error?.message ?? "")) {
      this.#listener.notKept?.(true);
    } else {
      this.#caughtUp = false;
      this.#quiet = false; // what a heartbeat says from now on is of others
      this.#listener.status(status, error);
    }
  }

  #joined(resumed: boolean): void {
    if (this.#isJoined) {
      this.#isJoined = false;
      this.#listener.status("SUBSCRIBED", undefined, resumed && !this.#isAnew);
      this.#isAnew = false;
    }
  }

  /** A heartbeat asks up to where everything was told. */
  ask(): void {
    this.#quiet = this.#caughtUp;
  }

  /** The answer; a change that came meanwhile knows better. */
  answered(position: string): void {
    if (this.#quiet && this.#fence) {
      this.wish.since = `${this.#fence}@${position}`;
    }
  }

  #join(place: PlaceOf | undefined): void {
    const resumed = place?.resumed ?? false;
    this.#fence = place?.since ?? "";
    this.#caughtUp = false;
    this.#quiet = false;
    if (place?.since !== undefined && !resumed) {
      this.wish.since = place.since;
    }
    this.#isAnew ||= !resumed; // also of one that comes too late for its join
    this.#joined(resumed);
    if (this.#keeps && !place?.live) {
      this.#listener.notKept?.(false);
    }
  }

  /** What ends a channel would end it again at the same place. */
  #failed(message: string): void {
    if (!OF_A_MOMENT.test(message)) {
      this.#fence = "";
      delete this.wish.since;
    }
    if (this.#keeps && NOT_KEPT.test(message)) {
      this.#listener.notKept?.(true);
    }
  }

  /** A message of the channel, after its listeners have heard of it. */
  hear({ event, payload }: Message): void {
    const { status, extension, message = "", data, response } = payload ?? {};
    if (response?.postgres_changes) {
      this.#join(response.switchboard);
    } else if (data?.position) {
      this.#quiet = false;
      this.wish.since = `${this.#fence}@${data.position}`;
    } else if (event === "system" && status === "error") {
      this.#failed(message);
    } else if (event === "system" && extension === "switchboard") {
      if (message === "Rights changed") {
        this.#listener.rightsChanged?.();
      } else {
        this.#caughtUp = true;
        this.#listener.caughtUp?.();
      }
    }
  }
}
