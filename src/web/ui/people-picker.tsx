import { type Signal, useSignal } from '@preact/signals';
import type { Person } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icons.tsx';

const MANY = 6;

/** Chooses several people. */
export function PeoplePicker(props: {
  readonly people: readonly Person[];
  readonly chosen: Signal<readonly number[]>;
}) {
  const { people, chosen } = props;
  const filter = useSignal('');
  const shown = people.filter(({ name }) => name.toLowerCase().includes(filter.value.trim().toLowerCase()));
  return (
    <fieldset class="picker">
      <legend>Members</legend>
      {people.length > MANY ? <PeopleSearch filter={filter} /> : null}
      {shown.length === 0 ? <p class="hint">Nobody else is known here.</p> : null}
      <ul class="choices">
        {shown.map(({ id, name, avatar }) => (
          <li key={id}>
            <label class="choice">
              <input
                type="checkbox"
                checked={chosen.value.includes(id)}
                onChange={(event) => {
                  const others = chosen.value.filter((one) => one !== id);
                  chosen.value = event.currentTarget.checked ? [...others, id] : others;
                }}
              />
              <Avatar id={id} name={name} picture={avatar} size={34} />
              {name}
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

/** Narrows a list of people down by their names. */
export function PeopleSearch({ filter }: { readonly filter: Signal<string> }) {
  return (
    <label class="search">
      <Icon name="search" size={18} />
      <input
        type="search"
        placeholder="Search people"
        aria-label="Search people"
        value={filter.value}
        onInput={(event) => {
          filter.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}
