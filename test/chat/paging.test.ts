import { describe, expect, test } from 'vitest';
import { clampPaging, paginationMeta } from '../../src/chat/paging.ts';

describe('paging', () => {
  test.each([
    [0, 0, 0, 0],
    [3, 0, 0, 1],
    [0, 10, 1, 0],
    [1, 10, 1, 1],
    [10, 10, 1, 1],
    [11, 10, 2, 2],
    [100, 1, 7, 100],
  ])('%i items by %i, page %i: %i pages', (total, limit, page, totalPages) => {
    const items = ['a', 'b'];
    expect(paginationMeta({ page, limit }, { items, total })).toMatchObject({
      totalItems: total,
      itemCount: 2,
      itemsPerPage: limit,
      totalPages,
      currentPage: page,
    });
  });

  test('a limit is read as the largest allowed', () => {
    expect(clampPaging({ page: 3, limit: 4_294_967_295 }, 50)).toEqual({ page: 3, limit: 50 });
    expect(clampPaging({ page: 3, limit: 20 }, 50)).toEqual({ page: 3, limit: 20 });
  });
});
