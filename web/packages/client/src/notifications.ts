import type { CallsRealtimeService } from "./calls-realtime-service.ts";
import { guarded } from "./guarded.ts";
import type { Platform } from "./platform.ts";
import type { Row } from "./transport.ts";

export type NotificationType = "new-call" | "high-score" | "low-score" | "analysis-complete" | "missed-call";

export interface RealtimeNotification {
  readonly id: string;
  readonly type: NotificationType;
  readonly message: string;
  readonly data: Row;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

export type Locale = "pt-BR" | "en";

/** Texts of document 004, and their equals. */
const TEXTS: Record<Locale, Record<NotificationType, string>> = {
  "pt-BR": {
    "new-call": "Nova call de {name}",
    "high-score": "Score excelente: {score} ({name})",
    "low-score": "Score baixo: {score} ({name})",
    "analysis-complete": "Análise completada para {name}",
    "missed-call": "Chamada perdida de {name}",
  },
  en: {
    "new-call": "New call from {name}",
    "high-score": "Excellent score: {score} ({name})",
    "low-score": "Low score: {score} ({name})",
    "analysis-complete": "Analysis completed for {name}",
    "missed-call": "Missed call from {name}",
  },
};

export const HIGH_SCORE = 90;
export const LOW_SCORE = 30;
const MISSED: readonly unknown[] = ["missed", "abandoned", "no_answer"];

/** What the desktop shows, where it may: the browser's own `Notification`, or a double. */
export type ShowDesktop = (title: string, options: { body: string; icon: string; badge: string; tag: string }) => void;

export interface NotificationOptions {
  readonly locale?: Locale;
  /** After which a notification leaves the queue. Default: 30 s. */
  readonly lifeMs?: number;
  /** At most so many are kept, the oldest leave. Default: 100. */
  readonly most?: number;
  readonly icon?: string;
  readonly badge?: string;
  /** Default: the browser's, where the user has permitted it. */
  readonly showDesktop?: ShowDesktop | null;
}

/**
 * Document 004's queue of notifications (FEATURES F004-23): made of the events of calls, gone after a while; each also shown
 * on the desktop, one per tag, and told as the DOM event `realtime-notification` where there is a DOM.
 */
export class RealtimeNotifications {
  readonly #platform: Platform;
  readonly #options: NotificationOptions;
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Map<string, () => void>();
  #queue: readonly RealtimeNotification[] = [];
  #count = 0;

  constructor(platform: Platform, options: NotificationOptions = {}) {
    this.#platform = platform;
    this.#options = options;
  }

  /** Makes notifications of a service's events. @returns stops it */
  listenTo(calls: CallsRealtimeService): () => void {
    const stops = [
      calls.addListener("call-created", ({ call }) => this.add("new-call", call)),
      calls.addListener("call-score-updated", ({ call, score, previous }) => {
        if (score !== null && score >= HIGH_SCORE && (previous === null || previous < HIGH_SCORE)) {
          this.add("high-score", call);
        } else if (score !== null && score <= LOW_SCORE && (previous === null || previous > LOW_SCORE)) {
          this.add("low-score", call);
        }
      }),
      calls.addListener("call-analysis-completed", ({ call }) => this.add("analysis-complete", call)),
      calls.addListener("call-changed", ({ call, previous }) => {
        const now = call.direction === "inbound" && MISSED.includes(call.state);
        if (now && previous.state !== undefined && previous.state !== call.state) {
          this.add("missed-call", call);
        }
      }),
    ];
    return () => {
      for (const stop of stops) {
        stop();
      }
    };
  }

  add(type: NotificationType, call: Row): RealtimeNotification {
    const name = String(call.company_name ?? call.from_number ?? "?");
    const message = TEXTS[this.#options.locale ?? "en"][type]
      .replace("{name}", name)
      .replace("{score}", String(call.score ?? ""));
    const timestamp = this.#platform.now();
    const notification = { id: `${timestamp}-${++this.#count}`, type, message, data: call, timestamp };
    this.#queue = [notification, ...this.#queue];
    this.#timers.set(
      notification.id,
      this.#platform.after(this.#options.lifeMs ?? 30_000, () => this.remove(notification.id)),
    );
    for (const old of this.#queue.slice(this.#options.most ?? 100)) {
      this.remove(old.id);
    }
    this.#show(notification);
    this.#tell();
    return notification;
  }

  /** Newest first; the same array until it changes. */
  readonly getNotifications = (): readonly RealtimeNotification[] => this.#queue;

  readonly clearNotifications = (): void => {
    for (const cancel of this.#timers.values()) {
      cancel();
    }
    this.#timers.clear();
    this.#queue = [];
    this.#tell();
  };

  remove(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    this.#queue = this.#queue.filter((notification) => notification.id !== id);
    this.#tell();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #show(notification: RealtimeNotification): void {
    const { icon = "/favicon.svg", badge = icon, showDesktop = browserNotifications() } = this.#options;
    const tag = `${notification.type}:${String(notification.data.id)}`;
    guarded(() => showDesktop?.("Switchboard", { body: notification.message, icon, badge, tag }));
    if (typeof globalThis.dispatchEvent === "function" && typeof globalThis.CustomEvent === "function") {
      globalThis.dispatchEvent(new CustomEvent("realtime-notification", { detail: notification }));
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** null where there are none, or the user has not permitted them; asking is a matter of the page, on a gesture. */
function browserNotifications(): ShowDesktop | null {
  if (typeof globalThis.Notification !== "function" || globalThis.Notification.permission !== "granted") {
    return null;
  }
  return (title, options) => {
    new Notification(title, options);
  };
}
