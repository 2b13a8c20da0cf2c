import { createConnectNotificationsClient } from '../../src/notifications/connect-notifications-client.ts';
import { exerciseNotificationsClient } from '../contract/notifications-client.ts';

exerciseNotificationsClient('Connect JSON', createConnectNotificationsClient);
