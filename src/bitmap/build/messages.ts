import { type ErrorCode, NofaultError } from '../../errors';
import type { BuildProgress, IndexSummary } from './contract';
import type { ByteSource } from './make-source';
import type { Place } from './output';
import type { Task } from './run';

/** What a build's thread is started with. */
export interface Assignment {
  readonly source: ByteSource;
  /** Paths lose their class on the way, not their bytes. */
  readonly place: Readonly<Record<keyof Place, Uint8Array | string>>;
  readonly task: Task;
  /** Whether anybody wants to know how far it is. */
  readonly progress: boolean;
}

/** To the thread. Of a stream: a piece, no more, or that the stream has failed. */
export type Order = { readonly kind: 'abort' | 'end' } | { readonly kind: 'piece'; readonly bytes: Uint8Array };

/** From the thread; `more` asks for a piece of the stream. */
export type Report =
  | { readonly kind: 'more' }
  | { readonly kind: 'progress'; readonly progress: BuildProgress }
  | { readonly kind: 'done'; readonly summary: IndexSummary }
  | { readonly kind: 'failed'; readonly error: SentError };

/** An error on its way: cloning would leave its class and its code behind. */
interface SentError {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  readonly place: { readonly errno?: number; readonly syscall?: string; readonly path?: string; readonly offset?: number };
}

export function sendError(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof NofaultError)) return { code: undefined, message, stack, place: {} };
  const { code, errno, syscall, path, offset } = error;
  return {
    code,
    message,
    stack,
    place: {
      ...(errno !== undefined && { errno }),
      ...(syscall !== undefined && { syscall }),
      ...(path !== undefined && { path }),
      ...(offset !== undefined && { offset }),
    },
  };
}

export function receiveError({ code, message, stack, place }: SentError): Error {
  if (code !== undefined) return new NofaultError(code, message, place);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
