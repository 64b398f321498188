import { channel } from 'node:diagnostics_channel';
import type { NofaultError } from '../errors';

/** Entries that were not in memory when they were asked for: one message a call. */
export interface MissMessage {
  readonly path: string;
  /** Entries that were missing. */
  readonly misses: number;
  /** Entries of the call. */
  readonly length: number;
}

/** An entry or a touch of a view that failed. */
export interface ErrorMessage {
  readonly path: string;
  readonly error: NofaultError;
}

/** The event loop's thread waited for a device inside a call of this library after all. */
export interface BlockedMessage {
  readonly path: string;
  /** Waits since the last message. */
  readonly touches: number;
}

const misses = channel('nofault:miss');
const errors = channel('nofault:error');
const blocked = channel('nofault:blocked');

export function publishMiss(message: MissMessage): void {
  if (misses.hasSubscribers) misses.publish(message);
}

export function publishError(message: ErrorMessage): void {
  if (errors.hasSubscribers) errors.publish(message);
}

export function publishBlocked(message: BlockedMessage): void {
  if (blocked.hasSubscribers) blocked.publish(message);
}
