// Package model works out what the tables should hold, a second time and in
// another way, so that a mistake of the projector's cannot hide in a test that
// shares it.
//
// It is written from the guarantees, the comments of the tables' SQL, the package
// docs and the situations that the projector's tests state, not from the
// projector's code, and it imports no package of this project. It knows no
// batches, no transactions and no incremental state: a Model is given the events
// one at a time in the order of the stream, as `rosey export events --parts`
// writes them, and keeps everything in maps and slices. Compare reads a database
// and names every row and column that differs.
//
// The model reads an event's id from its body, where the exported line does not
// say "msg_id": an event that cannot be read and is numbered in its header alone
// has a number only in lines that say it.
//
// Not compared, because the specification does not say what they hold:
//
//   - chat_messages.text_hash: which hash is taken is nobody's business;
//   - playlist_items.sort_key: the order that follows from it is compared;
//   - dead_letters.reason: a sentence for people; that there is one is compared;
//   - projection_state: stream_id, stream_created_ms and fingerprint are not
//     told by events;
//   - msg_id there and in dead_letters, where the line does not say it;
//   - the full-text index, which SQLite's own integrity check compares with the
//     messages.
//
// Where the specification is silent the model says in a comment which rule it
// follows. Two of them are rough: a poll told of late, after a newer one, counts
// as closed when the newest opened and stays as it was first told; and if the
// observation ends twice without a roster in between, who was there before the
// first end is not expected back, however short the gap.
//
// Texts that people wrote appear in a Difference as a hash alone.
package model
