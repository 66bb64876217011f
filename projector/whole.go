package projector

import (
	"context"
	"fmt"
	"strings"

	"rosey/schema"
)

// CheckWhole refuses a database that was limited to one channel: it has a
// checkpoint like any other, and lacks the rest of what the stream says up to
// there. The refusal is a *StartError.
func CheckWhole(ctx context.Context, q schema.Queryer) error {
	return checkChannel(ctx, q, "")
}

// checkChannel refuses a database whose limit is another one than the channel; ""
// stands for none.
func checkChannel(ctx context.Context, q schema.Queryer, channel string) error {
	o, err := schema.ReadOrigin(ctx, q)
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if strings.EqualFold(o.Channel, channel) {
		return nil
	}
	detail := "it is of all channels, and was to go on with " + channel + " alone"
	if o.Channel != "" {
		detail = fmt.Sprintf("`rosey replay --channel %s` made it, up to seq=%d", o.Channel, o.ToSeq)
	}
	return &StartError{
		Reason: ErrOneChannel,
		Detail: detail,
		Remedy: "put the whole database back in its place, or " + replaceIt,
	}
}
