package bot

import (
	"reflect"
	"testing"

	"rosey/bot/cytube"
	"rosey/events"
)

func TestTranslator_UnreadableFrameIsOneEventThatCarriesNothing(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.enter()
	before := s.tr.View()
	for _, reason := range []string{cytube.UnreadableJSON, cytube.UnreadablePacket, cytube.UnreadableOversized, cytube.UnreadableBinary} {
		out := checkItem(t, s.tr, cytube.Unreadable{At: s.now, Bytes: 70_000_000, Reason: reason})
		if len(out) != 1 {
			t.Fatalf("%s: %s", reason, kindsOf(out))
		}
		roundTrip(t, out[0])
		want := &events.BotUnreadable{Bytes: 70_000_000, Reason: reason}
		if e := out[0]; e.Kind != events.KindBotUnreadable || !reflect.DeepEqual(e.Payload, want) || e.TimeMS != s.now.UnixMilli() {
			t.Errorf("%s: %+v %+v", reason, e, e.Payload)
		}
	}
	if s.tr.Malformed() != 0 || !reflect.DeepEqual(s.tr.View(), before) {
		t.Errorf("%d malformed, view %+v, want none and %+v", s.tr.Malformed(), s.tr.View(), before)
	}
}

// The frame nobody could read may have been the item that setCurrent spoke of.
func TestTranslator_UnreadableFramePartsSetCurrentFromWhatFollows(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.enter()
	s.frame("setCurrent", "2")
	checkItem(t, s.tr, cytube.Unreadable{At: s.now, Bytes: 9, Reason: cytube.UnreadableJSON})
	if m := find[*events.MediaChanged](t, s.frame("changeMedia", media("two"))); m.UID != nil {
		t.Errorf("uid %d, want none", *m.UID)
	}
}
