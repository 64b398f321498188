const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const GROUPED = new Intl.NumberFormat('en-US');

/** A number of bytes in the words of the command line: `0 B`, `4.0 KiB`, `95.1 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let unit = 0;
  let value = bytes;
  // 1023.95 would be rounded to 1024.0 of its unit, which is one of the next.
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** A share in per cent. Says 0 only for nothing and 100 only for everything; a dash where there is nothing to have a share of. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '-';
  if (part === 0) return '0 %';
  if (part === whole) return '100 %';
  return `${Math.min(99.9, Math.max(0.1, (part / whole) * 100)).toFixed(1)} %`;
}

/** `+1.5 MiB`, `−4.0 KiB` (with a minus sign as wide as the plus); nothing for no change. */
export function formatChange(bytes: number): string {
  if (bytes === 0) return '';
  return `${bytes > 0 ? '+' : '\u2212'}${formatBytes(Math.abs(bytes))}`;
}

/** `1,073,741,824` */
export function formatCount(count: number): string {
  return GROUPED.format(count);
}

/** `3 files`, `1 file` */
export function formatPlural(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** Time of day, to the second. */
export function formatTime(time: number): string {
  return new Date(time).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
}
