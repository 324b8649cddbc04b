// A length of time for people. Pure.

/** Such as `45s`, `12m 3s`, `7h 20m`, `3d 4h`. */
export function spanText(seconds: number): string {
	const whole = Math.max(0, Math.floor(seconds));
	const [days, hours, minutes] = [
		Math.floor(whole / 86_400),
		Math.floor(whole / 3600) % 24,
		Math.floor(whole / 60) % 60,
	];
	if (days > 0) return `${days}d ${hours}h`;
	if (hours > 0) return `${hours}h ${minutes}m`;
	return minutes > 0 ? `${minutes}m ${whole % 60}s` : `${whole}s`;
}
