import type { ByteRange, ResidencyMap } from '../file/contract';
import type { FileName, FollowOptions, Paths, Round } from '../inspect/contract';

/** The part of the inspector that a live page stands on. */
export interface Inspector {
  follow(paths: Paths, options?: FollowOptions): AsyncIterable<Round>;
  residencyOf(path: FileName, range?: ByteRange): Promise<ResidencyMap>;
}
