import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../../support/app.ts';
import { describeInBrowser, keepScreenshot, startBrowser } from '../../support/browser.ts';

describeInBrowser('the page at /docs in a browser', () => {
  let app: TestApp;
  let browser: Browser;
  beforeAll(async () => {
    app = await startTestApp({ embedded: true, users: 0, env: { DEMO_DATA: 'true' } });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  test('shows every route, and a call from it is answered with what the demo user sees', async () => {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const problems: string[] = [];
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(app.url))
        problems.push(request.url());
    });
    await page.goto(`${app.url}/docs`);
    const route = page.locator('.opblock').filter({ hasText: '/api/chat/v1/room/list' });
    await route.locator('.opblock-summary').click();
    await route.getByRole('button', { name: 'Execute' }).click();
    const answer = route.locator('.live-responses-table');
    await answer.getByText('200', { exact: true }).first().waitFor();
    expect(await answer.innerText()).toContain('Announcements');
    await keepScreenshot(page, 'docs');
    const api = await (await fetch(`${app.url}/docs/openapi.json`)).text();
    expect(await page.locator('.opblock').count()).toBe(api.match(/"operationId"/g)?.length);
    expect(problems).toEqual([]);
  });
});
