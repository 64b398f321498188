import { InvalidArgumentError } from 'commander';
import type { ColumnSpec } from '../index';

const KINDS = ['values', 'numbers', 'none'] as const;
const TYPES = ['string', 'boolean', 'integer', 'decimal', 'date'] as const;

/**
 * A column as the command line has it: `NAME`, and behind colons, in any order, its kind, its type and, for decimals, how many digits: `price:numbers:decimal:2`.
 * What stands before the last of these is the name, colons and all; a colon at the end says that nothing of it is anything but the name.
 */
export function columnOption(text: string, before: readonly ColumnSpec[] = []): ColumnSpec[] {
  const parts = text.split(':');
  let spec: Omit<ColumnSpec, 'name'> = {};
  while (parts.length > 1) {
    const word = parts.at(-1) as string;
    const kind = KINDS.find((one) => one === word);
    const type = TYPES.find((one) => one === word);
    if (kind !== undefined && spec.kind === undefined) spec = { ...spec, kind };
    else if (type !== undefined && spec.type === undefined) spec = { ...spec, type };
    else if (/^\d{1,2}$/.test(word) && spec.scale === undefined && spec.type === undefined) spec = { ...spec, scale: Number(word) };
    else break;
    parts.pop();
  }
  if (parts.length > 1 && parts.at(-1) === '') parts.pop();
  const name = parts.join(':');
  if (name === '') throw new InvalidArgumentError('It must begin with the name of a column.');
  if (spec.scale !== undefined && spec.type === undefined) spec = { ...spec, type: 'decimal' };
  return [...before, { name, ...spec }];
}
