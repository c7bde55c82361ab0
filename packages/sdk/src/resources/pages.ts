/** One page of a list. */
export interface Page<Item> {
  readonly items: Item[];
  /** Given as `cursor`, it gets the next page; `null` on the last. */
  readonly next_cursor: string | null;
}

export interface PageQuery {
  /** How many items a page has at most: 1 to 1000; default 100. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The items of all pages from `query.cursor` on, each page got when the one before is used up. */
export async function* allPages<Item, Query extends PageQuery>(
  query: Query,
  list: (query: Query) => Promise<Page<Item>>,
): AsyncGenerator<Item> {
  let page = await list(query);
  for (;;) {
    yield* page.items;
    if (page.next_cursor === null) return;
    page = await list({ ...query, cursor: page.next_cursor });
  }
}

/** `path` with the parameters that are given. */
export function withQuery(path: string, query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, string | number | undefined][]) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}
