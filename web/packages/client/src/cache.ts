import type { Platform } from "./platform.ts";
import type { Rows } from "./rows.ts";
import { Timer } from "./timers.ts";
import type { Row } from "./transport.ts";

/** A list as it was, with the place from which its channel goes on. */
export interface CachedList {
  readonly rows: readonly Row[];
  /** SPEC H2; of one user and one database. */
  readonly since: string;
  /** Milliseconds since 1970. */
  readonly asOf: number;
}

/** Where lists are kept from one visit to the next. A failure of it is no more than a list that was not kept. */
export interface ListCache {
  load(id: string): Promise<CachedList | undefined>;
  save(id: string, list: CachedList): Promise<void>;
  /** At sign-out: nothing is left. */
  clear(): Promise<void>;
}

/** After a change a list is kept, for the next visit. */
const SAVE_MS = 1_000;

/** Keeps one list a moment after it has changed, once for all that changes until then. Single-threaded. */
export class Saving {
  readonly #timer: Timer;
  readonly #save: () => void;

  /** @param since where its channel goes on with the rows; undefined: they are not settled */
  constructor(cache: ListCache, platform: Platform, id: string, rows: Rows, since: () => string | undefined) {
    this.#timer = new Timer(platform);
    this.#save = () => {
      const place = since();
      if (place !== undefined) {
        cache.save(id, { rows: rows.view(), since: place, asOf: platform.now() }).catch(() => {});
      }
    };
  }

  changed(): void {
    if (!this.#timer.isSet) {
      this.#timer.after(SAVE_MS, this.#save);
    }
  }

  cancel(): void {
    this.#timer.cancel();
  }
}

const STORE = "lists";

/**
 * Lists in the browser's IndexedDB, not encrypted. Each user has a database of their own: what one has seen is not shown to the
 * next. Lists that were not saved for `days` are dropped when it is opened.
 *
 * @param user whose lists they are: an id that stays
 */
export function indexedDbCache(user: string, days = 7): ListCache {
  const name = `switchboard-${user}`;
  let opened: Promise<IDBDatabase> | undefined;
  const open = () => {
    opened ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        dropOld(request.result, Date.now() - days * 86_400_000);
        resolve(request.result);
      };
    });
    return opened;
  };
  const run = async <T>(mode: IDBTransactionMode, what: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const database = await open();
    return new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = what(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  };
  return {
    load: (id) => run<CachedList | undefined>("readonly", (store) => store.get(id)),
    save: async (id, list) => {
      await run("readwrite", (store) => store.put(list, id));
    },
    clear: () => run("readwrite", (store) => store.clear()),
  };
}

function dropOld(database: IDBDatabase, before: number): void {
  const request = database.transaction(STORE, "readwrite").objectStore(STORE).openCursor();
  request.onsuccess = () => {
    const cursor = request.result;
    if (cursor) {
      if ((cursor.value as CachedList).asOf < before) {
        cursor.delete();
      }
      cursor.continue();
    }
  };
}
