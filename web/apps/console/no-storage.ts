/** In place of `@supabase/storage-js`, which the official client brings along: the server has no storage, and the page no use for it. */
export class StorageClient {}
export class StorageApiError extends Error {}
