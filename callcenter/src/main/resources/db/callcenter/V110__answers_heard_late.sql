-- What a provider says of legs comes in any order: that an agent had answered may be heard after the caller's end.
insert into app.call_transitions (from_state, event, to_state) values ('abandoned', 'answer_heard', 'completed');
