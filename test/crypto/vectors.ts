/** The test vectors of behaviour 4.4. */
export const MASTER = {
  key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
  iv: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
};
export const ROOM_KEY = {
  key: '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
  iv: '000102030405060708090a0b0c0d0e0f',
};
export const BLOB_TEXT = `{"iv":"${ROOM_KEY.iv}","key":"${ROOM_KEY.key}"}`;
export const BLOB =
  'gUlQgFqRe76LYAXFp5h1O+0rWKx9NEVVkMdAA44qUcPg7Abruz87NBAxKRv5Prh0iVImn6yoUu9x+4L3cp0TN2E/4lViPa8+pZqdzRSm6ydPKlu05FfsCI5nhkmDsL+0tQ+8PWag8Gt+vb/nIL5OX4ysk/D4BQ3nB9mjSUvxvq4=';
export const BLOB_KEY_FIRST =
  'FAs3CGv6FybDiDz54QDJw1IwtkVAdLZ5FP+i+erxbUboSOKSsBeAxFVwMhkBjD6NTBnaGzUxpXCkxRgke3+spcSaLT7V50BeVxwIyjbFtxOwvwePeAbGcEIuG/1b4q9fj3y2qyQ/ILduQA2YuX7O1rcJhhhcOLlEg1dB9WfQDKI=';
export const MESSAGES: readonly (readonly [text: string, content: string])[] = [
  ['Hello World', 'FTjACrMgPp+PNjS5r3ZzQQ=='],
  ['0123456789abcdef', 'r3mC9nj0mL4FPw7Aa8VHyvgdq5Ai8QCZkc31oCqGSl0='],
  ['¡Hola, señor! 👋 ¿Qué tal?', '1rT81VKt9dNHWDEG4amc4yrv+he35B0aoAGInIt+zrt8LxF/K8uEvnnpjiKCXeyV'],
];
