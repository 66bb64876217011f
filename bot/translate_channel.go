package bot

import "rosey/events"

func readSetMotd(_ *Translator, f *frame) (events.Payload, error) {
	motd, err := argument[string](f)
	if err != nil {
		return nil, err
	}
	return &events.ChannelMotd{Motd: motd}, nil
}

func readChannelOpts(_ *Translator, f *frame) (events.Payload, error) {
	raw, err := bulk(f, '{')
	if err != nil {
		return nil, err
	}
	return &events.ChannelOptions{Options: raw}, nil
}

func readSetPermissions(_ *Translator, f *frame) (events.Payload, error) {
	raw, err := bulk(f, '{')
	if err != nil {
		return nil, err
	}
	return &events.ChannelPermissions{Permissions: raw}, nil
}

func readChannelCSSJS(_ *Translator, f *frame) (events.Payload, error) {
	raw, err := bulk(f, '{')
	if err != nil {
		return nil, err
	}
	return &events.ChannelStyle{Style: raw}, nil
}

func readEmoteList(_ *Translator, f *frame) (events.Payload, error) {
	raw, err := bulk(f, '[')
	if err != nil {
		return nil, err
	}
	return &events.ChannelEmotes{Emotes: raw}, nil
}

func readEmote(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Name  *string `json:"name"`
		Image string  `json:"image"`
		Old   string  `json:"old"`
	}](f)
	if err != nil || w.Name == nil {
		return nil, errShape
	}
	return &events.Emote{Name: *w.Name, Image: w.Image, Old: w.Old}, nil
}

func readClearChat(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		ClearedBy *string `json:"clearedBy"`
	}](f)
	if err != nil || w.ClearedBy == nil {
		return nil, errShape
	}
	return &events.ChatCleared{Username: *w.ClearedBy}, nil
}

func readSetLeader(_ *Translator, f *frame) (events.Payload, error) {
	name, err := argument[string](f)
	if err != nil {
		return nil, err
	}
	return &events.ChannelLeader{Username: name}, nil
}

func readDrinkCount(_ *Translator, f *frame) (events.Payload, error) {
	count, err := argument[float64](f)
	if err != nil {
		return nil, err
	}
	return &events.DrinkCount{Count: count}, nil
}

func readAnnouncement(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Title *string `json:"title"`
		Text  *string `json:"text"`
		From  string  `json:"from"`
	}](f)
	if err != nil || w.Title == nil || w.Text == nil {
		return nil, errShape
	}
	return &events.Announcement{Title: *w.Title, Text: *w.Text, From: w.From}, nil
}
