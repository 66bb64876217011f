package cytube

import "errors"

var (
	// ErrNotJoined is returned by Send while the bot is not in the channel.
	ErrNotJoined = errors.New("cytube: not joined to the channel")
	// ErrTooLarge is returned by Send for an event the server would cut the line for.
	ErrTooLarge = errors.New("cytube: event is larger than the server accepts")
	// ErrRunning is returned by Run when the client is running already.
	ErrRunning = errors.New("cytube: client is running already")
)
