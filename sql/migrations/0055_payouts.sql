-- What the payout service says became of a grant, in rows that are only appended: the last one of a grant is in force,
-- and those before it are what it corrects. A grant without one is pending.

create table payouts (
    bonus_id  uuid not null,
    user_id   text not null check (length(user_id) between 1 and 128),
    revision  integer not null check (revision > 0),  -- 1: the first of its grant
    payout_id text not null check (length(payout_id) between 1 and 128),  -- the payout service's own
    state     text not null check (state in ('fulfilled', 'rejected')),
    reason    text check (length(reason) between 1 and 200),  -- for the user
    give_back boolean not null,  -- asked for
    gave_back boolean not null,  -- the bonus was open, and has one more to claim
    author    text not null check (length(author) between 1 and 128),  -- the name of the key
    at        timestamptz not null,
    primary key (bonus_id, user_id, revision),
    unique (bonus_id, user_id, payout_id),
    constraint only_what_is_rejected_is_given_back check (state = 'rejected' or not give_back),
    constraint what_is_given_back_was_asked_for check (give_back or not gave_back)
);

-- The export and the erasure of a user's data start at the user.
create index payouts_user on payouts (user_id, bonus_id, revision);

-- A step of a grant names its row there.
alter table ledger
    add column payout_revision integer,
    -- squawk-ignore ban-drop-constraint
    drop constraint ledger_entry_check,
    -- Rows of before have been checked by a narrower one.
    add constraint ledger_entry_check check (
        entry in ('created', 'offered', 'claimed', 'expired', 'cancelled', 'fulfilled', 'rejected')) not valid;
