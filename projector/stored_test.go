package projector

import (
	"strings"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams"
)

// A copy with other times is told by the times, not by an id that is the same.
func TestSameMessage_NamesWhatDiffers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	m := &streams.Message{MsgID: "px-1000", Time: at}
	c := schema.Checkpoint{Seq: 1000, MsgID: "px-1000", TimeMS: at.Add(-time.Hour).UnixMilli()}
	if err := sameMessage(m, c); err == nil || !strings.Contains(err.Error(), "px-1000, stored at 2026-04-01T12:00:00.000Z; the database applied the one stored at 2026-04-01T11:00:00.000Z") {
		t.Errorf("other times: %v", err)
	}
	c.MsgID = "px-999"
	if err := sameMessage(m, c); err == nil || !strings.Contains(err.Error(), "holds px-1000, the database applied px-999") {
		t.Errorf("another message: %v", err)
	}
	c.MsgID, c.TimeMS = m.MsgID, at.UnixMilli()
	if err := sameMessage(m, c); err != nil {
		t.Errorf("the same: %v", err)
	}
}
