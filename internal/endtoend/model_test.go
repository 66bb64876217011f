package endtoend

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"

	"rosey/internal/campaign/model"
)

// compareModel fails the test where the tables hold anything else than the
// independent model of them, which is given the exported events up to the tables'
// checkpoint: after a kill the stream may have more.
func compareModel(t *testing.T, data string) {
	t.Helper()
	db := openTables(t, data)
	var channel string
	var checkpoint uint64
	if err := db.QueryRowContext(t.Context(), "SELECT default_channel, seq FROM projection_state").Scan(&channel, &checkpoint); err != nil {
		t.Fatal(err)
	}
	m := model.New(model.Config{DefaultChannel: channel})
	lines := bufio.NewScanner(strings.NewReader(must(t, "export", "events", "--parts", "--data", data, "--json")))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var at struct{ Seq uint64 }
		if err := json.Unmarshal(lines.Bytes(), &at); err != nil {
			t.Fatal(err)
		}
		if at.Seq > checkpoint {
			break
		}
		if err := m.Add(lines.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	diffs, err := m.Compare(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diffs {
		t.Error(d)
	}
}
