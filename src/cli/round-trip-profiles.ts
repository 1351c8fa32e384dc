// Owns the distances that the development server can emulate: round-trip times between regions.

/**
 * Round-trip milliseconds by pair of regions, in one direction each. `world` has what public
 * measurements between large data centers of these regions show, rounded to 5 ms: typical on a
 * good day, not promised by anyone. `near` has the pairs around the Atlantic only.
 */
export const roundTripProfiles: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  none: {},
  near: { "weur-eeur": 25, "wnam-enam": 60, "enam-weur": 75, "wnam-weur": 135 },
  world: {
    "wnam-enam": 60,
    "wnam-weur": 135,
    "wnam-eeur": 155,
    "wnam-apac": 110,
    "wnam-apac-ne": 105,
    "wnam-apac-se": 170,
    "wnam-oc": 140,
    "wnam-me": 220,
    "enam-weur": 75,
    "enam-eeur": 100,
    "enam-apac": 165,
    "enam-apac-ne": 155,
    "enam-apac-se": 220,
    "enam-oc": 200,
    "enam-me": 170,
    "weur-eeur": 25,
    "weur-apac": 220,
    "weur-apac-ne": 220,
    "weur-apac-se": 165,
    "weur-oc": 255,
    "weur-me": 95,
    "eeur-apac": 200,
    "eeur-apac-ne": 235,
    "eeur-apac-se": 180,
    "eeur-oc": 275,
    "eeur-me": 85,
    "apac-oc": 130,
    "apac-ne-apac-se": 70,
    "apac-ne-oc": 105,
    "apac-se-oc": 95,
  },
};
