export { BitmapIndex } from './bitmap/bitmap-index';
export { buildIndex } from './bitmap/build/build-index';
export type {
  BuildOptions,
  BuildProgress,
  BuildSource,
  Cell,
  ColumnSpec,
  IndexSummary,
  RowObject,
  SourceFormat,
} from './bitmap/build/contract';
export type {
  Bounds,
  ColumnInfo,
  ColumnKind,
  ColumnType,
  Expression,
  Plan,
  PlanStep,
  QueryOptions,
  RowsOptions,
  Value,
} from './bitmap/contract';
export { openIndex } from './bitmap/open-index';
export { openRoaring, RoaringFile, type RoaringOptions } from './bitmap/roaring-file';
export { type ErrorCode, NofaultError } from './errors';
export { configure } from './file/configure';
export type {
  ByteRange,
  ConfigureOptions,
  FileStats,
  GetOptions,
  OpenOptions,
  PageSet,
  Places,
  Refreshed,
  ResidencyMap,
  ResidencyRun,
  Run,
} from './file/contract';
export type { BlockedMessage, ErrorMessage, MissMessage } from './file/diagnostics';
export { MappedFile } from './file/mapped-file';
export { open } from './file/open';
export type {
  EvictOptions,
  FileName,
  FileParts,
  FileResidency,
  FollowOptions,
  Inspection,
  InspectOptions,
  KernelCounts,
  Paths,
  PathsOrParts,
  Progress,
  ProgressTotals,
  RestoreOptions,
  Round,
  SnapshotOptions,
  SnapshotSummary,
  Totals,
  TreeOptions,
  WarmOptions,
} from './inspect/contract';
export { evict } from './inspect/evict';
export { follow } from './inspect/follow';
export { inspect } from './inspect/inspect';
export { residencyOf } from './inspect/residency-of';
export { restore } from './inspect/restore';
export { snapshot } from './inspect/snapshot';
export { warm } from './inspect/warm';
