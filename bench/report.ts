import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './baseline';
import type { Figure, Target } from './contract';

/** The figures as one JSON object: key to number, and `KEY_quartiles` where there were rounds. */
export function asJson(figures: readonly Figure[]): Record<string, number | readonly number[]> {
  const json: Record<string, number | readonly number[]> = {};
  for (const { key, value } of figures) json[key] = rounded(value);
  for (const { key, quartiles } of figures) if (quartiles !== undefined) json[`${key}_quartiles`] = quartiles.map(rounded);
  return json;
}

/** The figures for a person, a line each. */
export function asTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ key, value, quartiles, target, what }) => [
    key,
    short(value),
    quartiles === undefined ? '' : `${short(quartiles[0])} .. ${short(quartiles[1])}`,
    target === undefined ? '' : wanted(target, value),
    what,
  ]);
  rows.unshift(['figure', 'median', 'quartiles', 'wanted', 'what']);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 1 ? cell.padStart(widths[1] as number) : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}

/** Writes what was found, and on which machine, into `bench/results/NAME.json`; returns the path. */
export function save(name: string, figures: readonly Figure[], quick: boolean): string {
  const folder = join(projectRoot(), 'bench/results');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    quick,
  };
  writeFileSync(path, `${JSON.stringify({ ...machine, figures: asJson(figures) }, undefined, 2)}\n`);
  return path;
}

function wanted(target: Target, value: number): string {
  const met = 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
  const bound = 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
  return `${bound} ${met ? 'yes' : 'NO'}`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
