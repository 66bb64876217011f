package bot

import (
	"rosey/bot/cytube"
	"rosey/events"
)

// unreadable records that a frame came which nobody could read. It carries
// nothing, and changes nothing but that a setCurrent before it no longer belongs
// to what follows: the frame between them may have used it up.
func (t *Translator) unreadable(it cytube.Unreadable) []*events.Event {
	t.session.nextUID = nil
	return []*events.Event{t.event(events.KindBotUnreadable, &events.BotUnreadable{Bytes: int64(it.Bytes), Reason: it.Reason}, it.At)}
}
