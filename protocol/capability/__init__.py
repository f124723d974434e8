"""What can be made, moved and done: functions by definition, offers, adverts, and who can serve a want (SPEC C-*)."""
