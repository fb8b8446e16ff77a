/**
 * The direct string methods of Node's Buffer. They skip the argument handling of `write` and
 * `toString`, which costs as much as the copy itself for short strings (measured).
 */
export type FastBuffer = Buffer & {
  utf8Write(text: string, offset: number): number
  utf8Slice(start: number, end: number): string
}
