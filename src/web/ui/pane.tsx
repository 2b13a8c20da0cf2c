import { Conversation } from './conversation.tsx';
import { Details } from './details.tsx';
import { Dialogs } from './dialogs.tsx';
import { Inspector } from './inspector.tsx';
import { MenuHost } from './menu.tsx';
import { PaneContext, type PaneState } from './pane-state.ts';
import { RoomList } from './room-list.tsx';
import { Toasts } from './toasts.tsx';
import { TopBar } from './top-bar.tsx';

/** The whole chat of one user. Its layout follows its own width, not the window's. */
export function Pane({ pane, isShown }: { readonly pane: PaneState; readonly isShown: boolean }) {
  const { model, showsDetails, showsInspector } = pane;
  const isOpen = model.conversation.value !== undefined;
  return (
    <PaneContext.Provider value={pane}>
      <section class={isShown ? 'pane shown' : 'pane'} aria-label={`Chat of ${model.me.name}`}>
        <TopBar />
        <div class={isOpen ? 'columns has-room' : 'columns'}>
          <RoomList />
          <Conversation />
          {isOpen && showsDetails.value ? <Details /> : null}
        </div>
        {showsInspector.value ? <Inspector /> : null}
        <Toasts />
        <MenuHost />
        <Dialogs />
      </section>
    </PaneContext.Provider>
  );
}
