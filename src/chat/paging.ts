import { create } from '@bufbuild/protobuf';
import { type PaginationMeta, PaginationMetaSchema } from '../gen/services/chat/v1/types_pb.ts';
import type { Page, Paging } from '../repository/rooms-repository.ts';
import { MAX_NAME_CHARS } from './limits.ts';
import { isBlank, text } from './validation.ts';

/** A request's paging with its limit read as at most `maxLimit`. */
export function clampPaging(request: Paging, maxLimit: number): Paging {
  return { page: request.page, limit: Math.min(request.limit, maxLimit) };
}

/** Where an answer stands in its list (behaviour 3.4): without a limit everything is one page. */
export function paginationMeta(paging: Paging, page: Page<unknown>): PaginationMeta {
  const { limit, page: currentPage } = paging;
  const totalPages = limit > 0 ? Math.ceil(page.total / limit) : Math.min(page.total, 1);
  return create(PaginationMetaSchema, {
    totalItems: page.total,
    itemCount: page.items.length,
    itemsPerPage: limit,
    totalPages,
    currentPage,
  });
}

/** What to look for in names; empty when the text is blank. */
export function searchText(search: string): string {
  return isBlank(search) ? '' : text(search, MAX_NAME_CHARS);
}
