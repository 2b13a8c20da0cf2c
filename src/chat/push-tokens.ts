import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type SaveTokenRequest,
  type SaveTokenResponse,
  SaveTokenResponseSchema,
} from '../gen/services/tokens/v1/types_pb.ts';
import type { PushToken, TokensRepository } from '../repository/tokens-repository.ts';
import { invalidRequest } from './errors.ts';
import { MAX_NAME_CHARS, MAX_TOKEN_BYTES } from './limits.ts';
import { text } from './validation.ts';

const PLATFORMS: readonly PushToken['platform'][] = ['IOS', 'ANDROID', 'WEB'];

/** Push tokens of the caller's devices (behaviour 1.5.1). */
export interface PushTokensService {
  saveToken(caller: Caller, request: SaveTokenRequest): Promise<SaveTokenResponse>;
}

/** The rules of push tokens over a repository. */
export function createPushTokens(tokens: TokensRepository): PushTokensService {
  return {
    async saveToken(caller, request) {
      await tokens.saveToken(caller.userId, readToken(request));
      return create(SaveTokenResponseSchema, { success: true });
    },
  };
}

function readToken(request: SaveTokenRequest): PushToken {
  const platform = PLATFORMS.find((known) => known === request.platform.toUpperCase());
  if (platform === undefined || request.token === '') throw invalidRequest();
  return {
    token: tokenText(request.token),
    platform,
    platformVersion: text(request.platformVersion, MAX_NAME_CHARS),
    device: text(request.device, MAX_NAME_CHARS),
    tokenVoip: tokenText(request.tokenVoip),
    isVoip: request.isVoip,
    debug: request.debug,
    lang: text(request.lang, MAX_NAME_CHARS),
  };
}

function tokenText(value: string): string {
  if (Buffer.byteLength(value) > MAX_TOKEN_BYTES) throw invalidRequest();
  return text(value, MAX_TOKEN_BYTES);
}
