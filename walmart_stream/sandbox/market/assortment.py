"""The sandbox's assortment as tables: departments, shelves, brands and third-party sellers.

The words are invented or generic; only the shape of the taxonomy (three levels, ids joined
by underscores) follows Walmart's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shelf:
    """A leaf of the taxonomy. Prices are whole dollars, the usual range of its products."""

    department: str
    category: str
    name: str
    node: str
    low: int
    high: int
    nouns: tuple[str, ...]
    sizes: tuple[str, ...] = ()

    @property
    def path(self) -> tuple[str, str, str]:
        """Department, category and shelf name."""
        return (self.department, self.category, self.name)


# fmt: off
SHELVES = (
    Shelf("Home", "Kitchen & Dining", "Kettles", "4044_623679_1032619", 15, 90,
          ("Electric Kettle", "Gooseneck Kettle", "Whistling Tea Kettle"), ("1.0 L", "1.7 L")),
    Shelf("Home", "Kitchen & Dining", "Cookware", "4044_623679_133020", 12, 250,
          ('12" Skillet', "Dutch Oven", "10-Piece Cookware Set", "Saucepan"), ("2 qt", "5 qt")),
    Shelf("Home", "Bedding", "Sheets", "4044_539103_4582", 14, 120,
          ("Sheet Set", "Fitted Sheet", "Pillowcase Pair"), ("Twin", "Full", "Queen", "King")),
    Shelf("Home", "Bedding", "Pillows", "4044_539103_7924", 8, 80,
          ("Memory Foam Pillow", "Down-Alternative Pillow"), ("Standard", "King")),
    Shelf("Home", "Vacuums & Floor Care", "Robot Vacuums", "4044_90548_1149379", 99, 600,
          ("Robot Vacuum", "Robot Vacuum & Mop"), ()),
    Shelf("Electronics", "TV & Video", "LED TVs", "3944_1060825_447913", 110, 1400,
          ('32" Class 720p LED TV', '50" Class 4K UHD TV', '65" Class 4K QLED TV'), ()),
    Shelf("Electronics", "Audio", "Headphones", "3944_133251_1095191", 9, 350,
          ("Wireless Earbuds", "Over-Ear Headphones", "Noise-Cancelling Headphones"), ()),
    Shelf("Electronics", "Computers", "Computer Accessories", "3944_3951_132959", 6, 130,
          ("USB-C Hub", "Wireless Mouse", "Mechanical Keyboard", '15.6" Laptop Sleeve'), ()),
    Shelf("Toys", "Building Sets", "Building Blocks", "4171_4186_1105636", 10, 220,
          ("Building Set", "Classic Brick Box", "Space Station Kit"), ()),
    Shelf("Toys", "Games & Puzzles", "Board Games", "4171_4191_1104531", 8, 60,
          ("Family Board Game", "1,000-Piece Jigsaw Puzzle", "Card Game"), ()),
    Shelf("Toys", "Outdoor Play", "Ride-On Toys", "4171_14521_91415", 35, 400,
          ("Kick Scooter", "Kids' Ride-On Car, 12V", "Balance Bike"), ()),
    Shelf("Clothing", "Men", "Men's T-Shirts", "5438_133197_4237948", 6, 40,
          ("Men's Crew T-Shirt", "Men's Pocket Tee 3-Pack"), ("S", "M", "L", "XL", "2XL")),
    Shelf("Clothing", "Women", "Women's Shoes", "5438_1045804_1045806", 14, 110,
          ("Women's Running Shoe", "Women's Slip-On Sneaker"), ("6", "7", "8", "9", "10")),
    Shelf("Sports & Outdoors", "Camping", "Tents", "4125_546956_1026267", 30, 380,
          ("4-Person Dome Tent", "Instant Cabin Tent", "Backpacking Tent"), ()),
    Shelf("Sports & Outdoors", "Exercise", "Weights", "4125_4134_1026285", 9, 320,
          ("Hex Dumbbell", "Kettlebell", "Adjustable Dumbbell Pair"), ("10 lb", "25 lb", "50 lb")),
    Shelf("Baby", "Diapering", "Diapers", "5427_486190_1101406", 9, 65,
          ("Disposable Diapers", "Overnight Diapers"), ("Size 2", "Size 3", "Size 4")),
    Shelf("Baby", "Strollers", "Travel Systems", "5427_118134_1101429", 70, 520,
          ("Lightweight Stroller", "Travel System", "Jogging Stroller"), ()),
    Shelf("Beauty", "Hair Care", "Shampoo", "1085666_1071969_1072009", 4, 45,
          ("Moisturizing Shampoo", "Shampoo & Conditioner Set"), ("12 fl oz", "28 fl oz")),
    Shelf("Food", "Coffee", "Ground Coffee", "976759_1086446_1229651", 5, 38,
          ("Medium Roast Ground Coffee", "Dark Roast Coffee Pods"), ("12 oz", "30.5 oz", "72 ct")),
    Shelf("Auto & Tires", "Auto Parts", "Wiper Blades", "91083_1074765_1076617", 7, 48,
          ("All-Season Wiper Blade", "Beam Wiper Blade Pair"), ('18"', '22"', '26"')),
    Shelf("Office", "Office Supplies", "Paper", "1229749_4796182_1046729", 5, 70,
          ("Copy Paper, 8.5\" x 11\"", "Cardstock Pack", "Photo Paper"), ()),
    Shelf("Pets", "Dogs", "Dog Food", "5440_202072_1018803", 8, 75,
          ("Dry Dog Food", "Grain-Free Dog Food", "Puppy Food"), ("5 lb", "15 lb", "40 lb")),
)
BRANDS = (
    "Alder & Finch", "Basecamp Nine", "Bright Hollow", "Calder", "Cobalt & Co.", "Dovetail",
    "Eastmoor", "Fernley", "Gable & Grey", "Halden", "Ironbark", "Juniper Lane", "Kestrel",
    "Larkspur", "Mainstreet", "Northbeam", "Oakwright", "O'Dell's", "Pinecrest", "Quillon",
    "Ridgeway", "Sable", "Tallow & Pine", "Umber", "Vantor", "Westmere", "Yarrow", "Zephyr",
)
ADJECTIVES = (
    "Compact", "Classic", "Deluxe", "Essential", "Everyday", "Heavy-Duty", "Modern", "Premium",
    "Pro", "Signature", "Slim", "Soft & Light", "Ultra", "Value",
)
COLORS = ("Black", "Blue", "Charcoal", "Green", "Grey", "Natural", "Red", "Teal", "White")
SELLERS = (
    "Acme LLC", "Bargain Barn Direct", "BlueRiver Goods", "Canyon Trading Co", "DealHarbor",
    "Everly Home & More", "FastShip Depot", "Gadget Alley", "HomeWorks Outlet", "Island Supply",
    "J&M Wholesale", "KidsCorner Inc.", "Lakeside Merchants", "MetroMart Online", "NovaRetail",
    "Orchard Street", "PrimePoint Sales", "QuickCart US", "Redwood Commerce", "Sunrise Imports",
    "Tom's Trading Post", "UnionSquare Goods", "Valley Distribution", "Wagon Wheel Shop",
)
# fmt: on
