package projector

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/schema/schematest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evening is a short one in which everything happens once.
func evening() []step {
	const s = time.Second
	return []step{
		started("", 0), recording(), connected(), botJoined(),
		list(1, 2, 3), current(1), stillPlaying("m1", 20), pollOpened("bob", -30, "[1,0]"),
		resent("bob", "before you came", 30*s), notice("[server]", "bob joined", "server"),
		roster("bob 2", "Cy 1.5 afk"), counts(2, 5), high(2, 5),
		statusTold(func(u *events.StatusUpdate) {
			u.BotName, u.BotRank, u.ChannelName, u.PlaylistItems = ptr("rosey"), ptr(2.5), ptr("tv"), ptr(int64(3))
		}),
		after(5 * s), joined("ann"), posted("ann", "good evening"), posted("bob", "> hello"), high(3, 6),
		after(s), afk("Cy", false), ranked("ann", 1), pollUpdated("bob", -30, "[1,1]"), whispered("ann", "rosey", "a secret"),
		added(4, "1"), moved(3, "prepend"), temp(4, true), locked(true),
		after(30 * s), playing("m4"), current(4), removed(1), pollClosed("bob", -30), pollOpened("ann", 36, `["?","?"]`),
		marked(events.KindMarkSent, 12, "hello all", ""), marked(events.KindMarkFailed, 13, "no", "muted"),
		inParts(3, posted("ann", "a very long story, told in three parts")),
		raw("user.danced", `{"username":"ann"}`), by("", in("", line("old", "an older publisher", 0, nil))),
		raw(events.KindMessageLog, `{"username":`), erased(posted("bob", "regretted")),
		// A short gap, the recent lines again, and bob is gone.
		after(10 * s), disconnectedSince(5 * s), after(20 * s), connected(), botJoined(),
		resent("ann", "good evening", 61*s), stillPlaying("m4", 31), roster("ann 1", "cy 1.5"), counts(2, 4),
		// Somebody who says that the last long line came again, and one half of another.
		again(1), skip(2), after(s), posted("cy", "what was that?"), partly(2, 2, posted("cy", "and then")),
		in("radio", by("R", arrived("ann"), posted("ann", "elsewhere"), playing("jingle"))),
		// The recorder dies without a word; another one goes on.
		after(300 * s), counts(2, 2), after(100 * s), becoming("A2"), started("A", 60), recording(), connected(), botJoined(), roster("dee"),
		left("dee"), playedOut(), stopped(),
		decided(events.KindGapAccepted, &events.GapAccepted{FirstSeq: 3, LastSeq: 7, CheckpointSeq: 2}),
		decided(events.KindStreamAdopted, &events.StreamAdopted{StreamID: "copy", PreviousID: "original", Seq: 9, MsgID: "A-9"}),
		// A private message of which two tell.
		marking(events.KindMarkFailed, events.OutboundMark{MessageID: 14, Message: "psst", Recipient: "ann", QueuedMS: epochMS, Attempts: 2, Reason: "no_echo", State: events.OutcomeUnknown}),
		raw(events.KindMarkFailed, `{"id":14,"error":"disconnected","state":"abandoned"}`),
	}
}

var fingerprintIn = regexp.MustCompile(`"fingerprint":"[0-9a-f]+"`)

// TestGolden_SameEventsSameTables pins the tables of an evening. The files beside
// it say for which versions they hold: other tables for the same events need
// another version, or databases made before would be taken for right.
func TestGolden_SameEventsSameTables(t *testing.T) {
	t.Parallel()
	s := newScript().play(evening()...)
	db := schematest.Open(t)
	applyAll(t, applier(t, db), s.items()...)
	got := fingerprintIn.ReplaceAllString(schematest.Dump(t, db), `"fingerprint":"…"`)
	versions := versionsOf(t, s)

	dumpFile, versionsFile := filepath.Join("testdata", "golden", "dump.txt"), filepath.Join("testdata", "golden", "versions.txt")
	want, wantVersions := readGolden(t, dumpFile), readGolden(t, versionsFile)
	if got == want && versions == wantVersions {
		return
	}
	if got != want && versions == wantVersions {
		t.Fatalf("the same events give other tables, and no version changed: raise the version of the projection in definitions "+
			"(projection.go), or DecoderVersion (item.go), then run with -update\n%s", diff(want, got))
	}
	if !*update {
		t.Fatalf("versions or events changed: run with -update and look at the difference\nversions:\n%stables:\n%s",
			diff(wantVersions, versions), diff(want, got))
	}
	for file, text := range map[string]string{dumpFile: got, versionsFile: versions} {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// versionsOf lists what the tables depend on, the events of the evening included.
func versionsOf(t *testing.T, s *script) string {
	t.Helper()
	var b strings.Builder
	h := sha256.New()
	for _, m := range s.messages {
		fmt.Fprintf(h, "%d %d %s %s %s\n", m.Seq, m.Time.UnixMilli(), m.Subject, m.MsgID, m.Data)
	}
	tables, err := schema.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "events %s\ntables %s\ndecoder %d\n", hex.EncodeToString(h.Sum(nil)[:8]), tables, DecoderVersion)
	for _, d := range definitions {
		fmt.Fprintf(&b, "projection %s %d\n", d.name, d.version)
	}
	return b.String()
}

func readGolden(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && (!*update || !os.IsNotExist(err)) {
		t.Fatal(err)
	}
	return string(text)
}

// The evening leaves no table without a row, or it would pin nothing there.
func TestGolden_TouchesEveryTable(t *testing.T) {
	t.Parallel()
	db := projectedIn(t, 1, evening()...)
	tables, err := schema.Tables(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if rows(t, db, "SELECT 1 FROM "+table.Name+" LIMIT 1") == "" {
			t.Errorf("no row in %s", table.Name)
		}
	}
}
